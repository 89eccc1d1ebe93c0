"""Faults against real processes: kills, broken replies, a bad network, a bad disk, a jumping clock, power cuts."""
