"""Pages for people, and the script that keeps their tables true."""
