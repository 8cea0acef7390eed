"""The nouns that flow between the rooms, and the words that name them; nothing here knows a room."""
