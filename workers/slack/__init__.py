"""The Slack bot: questions from where a team talks, answers with their sources. Only these files know its client."""
