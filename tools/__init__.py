"""Tools for maintainers: the demo, the benchmark, the test matrix and the API reference."""
