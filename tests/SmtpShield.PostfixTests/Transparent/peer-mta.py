"""An MTA that tells each client, in its greeting, which address it came from. Arguments: the addresses to listen on. Port 25."""
import asyncio
import sys


async def serve(reader, writer):
    writer.write(f"220 mta.example.test ESMTP you are {writer.get_extra_info('peername')[0]}\r\n".encode())
    while line := await reader.readline():
        verb = line[:4].upper()
        writer.write(b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 mta.example.test\r\n")
        if verb == b"QUIT":
            break
    writer.close()


async def main():
    for address in sys.argv[1:]:
        await asyncio.start_server(serve, address, 25)
    print("listening", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
