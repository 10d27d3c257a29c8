"""Lists of words, phrases, hosts and URLs: read from files, and the few that are built in."""
