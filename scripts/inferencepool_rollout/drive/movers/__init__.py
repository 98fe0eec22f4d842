"""What moves the weight: helm, or a values file that a GitOps tool applies."""
