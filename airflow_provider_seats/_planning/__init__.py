"""Who is meant, and what is to change: pure values and functions. Nothing here yields, sends or waits."""
