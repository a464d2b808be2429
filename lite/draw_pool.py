"""Draw chunks with real backgrounds now and then: draw_pool.py FIRST LAST."""
import sys, os
sys.path.insert(0, "./repo")
import cv2, numpy as np, skimage, sklearn.datasets as skd
from pathlib import Path
cv2.setNumThreads(1)
from yogalib.synthetic import scene, pool
from yogalib.synthetic.look import between, pick
SK = Path(skimage.__file__).parent / "data"; SD = Path(skd.__file__).parent / "images"
FILES = [SK/n for n in ("astronaut.png","brick.png","chelsea.png","coffee.png","coins.png","grass.png","gravel.png","hubble_deep_field.jpg","motorcycle_left.png","rocket.jpg","camera.png","moon.png","page.png")] + [SD/"china.jpg", SD/"flower.jpg"]
PHOTOS = [cv2.imread(str(f))[:, :, ::-1] for f in FILES]
PHOTOS = [cv2.resize(p, None, fx=(s := 420 / min(p.shape[:2])), fy=s, interpolation=cv2.INTER_AREA) for p in PHOTOS]
plain = scene.draw_place
def crop(rng, h, w):
    p = PHOTOS[int(rng.random() * len(PHOTOS))]
    share = between(rng, 0.25, 1.0)
    side_h, side_w = int(share * p.shape[0]), int(share * p.shape[1])
    y, x = int(rng.random() * (p.shape[0] - side_h)), int(rng.random() * (p.shape[1] - side_w))
    c = p[y:y+side_h, x:x+side_w]
    if rng.random() < 0.5: c = c[:, ::-1]
    if rng.random() < 0.25: c = c[::-1]
    c = cv2.resize(np.ascontiguousarray(c), (w, h), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:  # other colours
        hsv = cv2.cvtColor(c, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + int(rng.random() * 180)) % 180
        hsv[..., 1] = (hsv[..., 1] * between(rng, 0.2, 1.3)).clip(0, 255)
        c = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.5:
        k = 1 + 2 * int(w * between(rng, 0.003, 0.03)); c = cv2.blur(c, (k, k))
    return cv2.convertScaleAbs(c, alpha=between(rng, 0.5, 1.1), beta=between(rng, -10, 60))
def draw_place(rng, look, height, width, horizon):
    canvas = plain(rng, look, height, width, horizon)
    if not look.shaded or rng.random() > 0.4: return canvas
    kind = rng.random()
    if kind < 0.4: return crop(rng, height, width)
    canvas = np.ascontiguousarray(canvas)
    if kind < 0.75 and horizon > 2: canvas[:horizon] = crop(rng, horizon, width)
    elif height - horizon > 2: canvas[horizon:] = crop(rng, height - horizon, width)
    return canvas
scene.draw_place = draw_place
if __name__ == "__main__":
    first, last = map(int, sys.argv[1:3])
    for seed in range(first, last):
        pool.draw_chunk(Path(f"./pool/chunk_{seed:03d}.npz"), seed, 4000, 144); print(seed, flush=True)
