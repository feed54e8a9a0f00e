"""The tab MNIST."""
