"""What is measured against other tools; run by ``make bench``."""
