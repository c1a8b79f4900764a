"""Recorded segments as one plain MP4, or a zip of several, not a picture encoded anew."""
