"""SageMaker: each module owns some operations and hands out a table of them."""
