"""Helper package of the study of CLIP for yoga-pose classification (Dobrzycki et al. 2024)."""
