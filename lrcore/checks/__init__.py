"""What is asked of arguments and arrays before anything is done."""
