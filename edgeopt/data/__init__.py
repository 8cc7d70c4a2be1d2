"""Real traffic files, generators that look like them, and checksummed downloads."""
