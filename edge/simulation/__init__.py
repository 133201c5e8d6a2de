"""A simulated compound: people, weather and calendar drive its meters, gates and canteen; a seed gives all of it."""
