"""Moving weight between pools with helm, and seeing the gateway follow."""
