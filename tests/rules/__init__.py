"""The rules that make every step safe, each broken by nobody."""
