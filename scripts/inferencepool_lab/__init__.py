"""The laboratory: kind clusters, gateways, images and releases; never a part of the wheel."""
