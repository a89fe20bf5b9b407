"""Who is meant and what is to change: pure values and functions, no I/O."""
