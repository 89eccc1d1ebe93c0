"""A year alone: twelve rooms, a cloud without a person, and things that go wrong."""
