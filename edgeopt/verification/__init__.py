"""The judge, and the exact arithmetic and certificates of programs that it checks; it knows no solver."""
