"""The only place that touches Keras: reading models, cutting them into parts, proving the parts right."""
