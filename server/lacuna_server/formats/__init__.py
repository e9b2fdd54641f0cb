"""Which format a place in a document has, where a JSON Schema says it. Nothing is fetched from the network."""
