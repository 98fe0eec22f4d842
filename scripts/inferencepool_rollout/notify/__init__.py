"""Who is told while a rollout runs: chat and mail, Kubernetes Events, a webhook. Nobody of them can stop it."""
