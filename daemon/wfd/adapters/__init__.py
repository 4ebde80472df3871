"""The outside world: processes, files, sockets, git and notifications."""
