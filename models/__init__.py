"""Networks: the image transformation network, its layers, and the VGG19 loss network."""
