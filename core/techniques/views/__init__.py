"""Views of a picture, for visual anagrams."""
