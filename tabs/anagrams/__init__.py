"""The tab Visual anagrams."""
