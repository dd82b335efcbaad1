"""Pure mathematics: losses, penalties, schedules. No Numba, no threads, no files."""
