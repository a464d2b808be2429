"""From files to arrays: index, official lists, subsets, splits, decoded cache."""
