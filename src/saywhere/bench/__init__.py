"""How fast is it, beside the naive way? What `saywhere bench` measures."""
