using System.Collections;
using Microsoft.AspNetCore.Http.Features;

namespace SmtpShield.Transport;

/// <summary>The features of one connection: about eight, set once each, so a list is smaller and faster than a dictionary.</summary>
internal sealed class ConnectionFeatures : IFeatureCollection
{
    private readonly List<KeyValuePair<Type, object>> _features = new(8);

    /// <inheritdoc />
    public bool IsReadOnly => false;

    /// <inheritdoc />
    public int Revision { get; private set; }

    /// <inheritdoc />
    public object? this[Type key]
    {
        get
        {
            var index = IndexOf(key);
            return index < 0 ? null : _features[index].Value;
        }

        set
        {
            Revision++;
            var index = IndexOf(key);
            if (index >= 0)
                _features.RemoveAt(index);
            if (value is not null)
                _features.Add(new(key, value));
        }
    }

    /// <inheritdoc />
    public TFeature? Get<TFeature>() => (TFeature?)this[typeof(TFeature)];

    /// <inheritdoc />
    public void Set<TFeature>(TFeature? instance) => this[typeof(TFeature)] = instance;

    /// <inheritdoc />
    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => _features.GetEnumerator();

    /// <inheritdoc />
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int IndexOf(Type key)
    {
        for (var index = 0; index < _features.Count; index++)
        {
            if (_features[index].Key == key)
                return index;
        }

        return -1;
    }
}
