"""What runs in a task or in the triggerer."""
