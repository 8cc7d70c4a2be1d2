"""What the two splitting problems share: exits, demand, links, and the arithmetic of placing layers on tiers."""
