<#
.SYNOPSIS
Installs SmtpShield as a service of Windows, or removes it. To be run as administrator, in the directory with smtpshield.exe.

.DESCRIPTION
The program goes to %ProgramFiles%\SmtpShield; configuration, log and state to %ProgramData%\SmtpShield, which only SYSTEM, the administrators and the service
may read. The service is not started: edit main.cf first, for it takes port 25. Run again it upgrades the program, and keeps the configuration.

.PARAMETER Uninstall
Removes the service, its event source, its firewall rule and the program. Configuration, log and state stay, unless -Purge is given too.

.PARAMETER Purge
With -Uninstall: removes configuration, log and state as well.

.EXAMPLE
.\install.ps1
& "$env:ProgramFiles\SmtpShield\smtpshield.exe" check
Start-Service SmtpShield
#>
#Requires -RunAsAdministrator
[CmdletBinding(SupportsShouldProcess)]
param([switch] $Uninstall, [switch] $Purge)

$ErrorActionPreference = 'Stop'
$name = 'SmtpShield'
$programs = Join-Path $env:ProgramFiles $name
$data = Join-Path $env:ProgramData $name
$program = Join-Path $programs 'smtpshield.exe'
$configuration = Join-Path $data 'main.cf'

function Stop-Shield {
    if (Get-Service $name -ErrorAction SilentlyContinue) {
        # It finishes transactions, for shield_drain_timeout.
        Stop-Service $name -Force
        (Get-Service $name).WaitForStatus('Stopped', '00:02:00')
    }
}

if ($Uninstall) {
    if ($PSCmdlet.ShouldProcess($name, 'Remove the service and the program')) {
        Stop-Shield
        & sc.exe delete $name | Out-Null
        Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue | Remove-NetFirewallRule
        if ([System.Diagnostics.EventLog]::SourceExists($name)) { [System.Diagnostics.EventLog]::DeleteEventSource($name) }
        Remove-Item $programs -Recurse -Force -ErrorAction SilentlyContinue
        if ($Purge) { Remove-Item $data -Recurse -Force -ErrorAction SilentlyContinue }
    }
    return
}

if (-not $PSCmdlet.ShouldProcess($name, 'Install the program and the service')) { return }

$wasRunning = (Get-Service $name -ErrorAction SilentlyContinue).Status -eq 'Running'
Stop-Shield
New-Item $programs, $data, (Join-Path $data 'run'), (Join-Path $data 'state'), (Join-Path $data 'log') -ItemType Directory -Force | Out-Null
if ($PSScriptRoot -ne $programs) { Copy-Item (Join-Path $PSScriptRoot '*') $programs -Recurse -Force }

if (-not (Get-Service $name -ErrorAction SilentlyContinue)) {
    New-Service $name -BinaryPathName "`"$program`" run -c `"$configuration`"" -DisplayName $name -StartupType Automatic | Out-Null
    # A virtual account without rights of its own, whose groups are those of its service only. On Windows a port below 1024 needs none.
    & sc.exe config $name obj= "NT SERVICE\$name" start= delayed-auto | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "sc.exe config ended with $LASTEXITCODE" }
    & sc.exe description $name 'SMTP front-end proxy with limits per client' | Out-Null
    & sc.exe failure $name reset= 86400 actions= restart/2000/restart/2000/restart/10000 | Out-Null
    & sc.exe failureflag $name 1 | Out-Null
    & sc.exe sidtype $name unrestricted | Out-Null
}

# Who reads the state knows who mails whom, and who reaches the control socket changes limits: nothing is inherited. By their numbers, names are translated.
& icacls.exe $data /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' /grant '*S-1-5-32-544:(OI)(CI)F' /grant "NT SERVICE\${name}:(OI)(CI)M" | Out-Null
if ($LASTEXITCODE -ne 0) { throw "icacls.exe ended with $LASTEXITCODE" }

if (-not [System.Diagnostics.EventLog]::SourceExists($name)) { [System.Diagnostics.EventLog]::CreateEventSource($name, 'Application') }

if (-not (Test-Path $configuration)) {
    (Get-Content (Join-Path $PSScriptRoot 'main.cf')) -replace '%ProgramData%', $env:ProgramData | Set-Content $configuration -Encoding Ascii
}

if (-not (Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue)) {
    New-NetFirewallRule -Name $name -DisplayName $name -Direction Inbound -Program $program -Protocol TCP -LocalPort 25 -Action Allow | Out-Null
}

if ($wasRunning) {
    Start-Service $name
    Write-Output "$name is upgraded and runs."
} else {
    Write-Output "$name is installed and not started, for it takes port 25. Edit $configuration, then:"
    Write-Output "& '$program' check; Start-Service $name"
}
