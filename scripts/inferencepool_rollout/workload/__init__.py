"""Requests like users': lengths, arrivals, shared prefixes and conversations, made here and the same for a seed."""
