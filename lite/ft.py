"""Fine-tune the tail on photographs, a fold held out. ft.py name key=value..."""
import sys; args = sys.argv[1:]; sys.argv = ["x"]
from ov import *
from yogalib.prompts import class_names
from prompts_lite import ensembles
def warp(px, R, rng, aug):
    """aug: (low zoom, high zoom, turn, shift, colour)"""
    lo, hi, turn, sh, col = aug; out = []
    for p in px:
        S = p.shape[0]; z = rng.uniform(lo, hi); a = rng.uniform(-turn, turn); f = -1. if rng.random() < .5 else 1.
        A = np.array([[f*z*np.cos(a), -z*np.sin(a)], [f*z*np.sin(a), z*np.cos(a)]]) * S / R
        c = np.array([S/2, S/2]) + rng.uniform(-sh, sh, 2) * S - A @ np.array([R/2, R/2])
        w = cv2.warpAffine(p, np.column_stack([A, c]).astype(np.float32), (R, R), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT, borderValue=(255,)*3)
        if col:
            g = 1 + col * rng.uniform(-1, 1, 3) * .6; w = (w * g + 100 * col * rng.uniform(-1, 1)).clip(0, 255).astype(np.uint8)
            if rng.random() < .1: w = cv2.cvtColor(cv2.cvtColor(w, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        out.append(w)
    return np.stack(out)
AUGS = {"plain": (.75, 1.1, .15, .06, .3), "strong": (.6, 1.2, .3, .1, .5), "mild": (.85, 1.05, .08, .04, .2)}
def feats(name, R, aug, v, f, rows=None):
    file = L / f"cache/ft-{name}-{R}-{aug}-{v}.npy"
    if not file.exists():
        px = photos(name, R if aug == "none" or aug == "mirror" else {128: 160, 160: 192, 96: 128}[R])[0]; rng = np.random.default_rng(v); out = []
        for i in range(0, len(px), 64):
            w = px[i:i+64]
            w = w if aug == "none" else w[:, :, ::-1] if aug == "mirror" else warp(w, R, rng, AUGS[aug])
            out.append(f(np.ascontiguousarray(w)).half().permute(0, 2, 3, 1).contiguous().numpy())
        np.save(file.with_suffix(".tmp.npy"), np.concatenate(out)); file.with_suffix(".tmp.npy").rename(file)
    return torch.from_numpy(np.load(file, mmap_mode="c"))
def main(name, init="imagenet", data="yoga82-photos", R="128", epochs="12", lr="5e-4", new_lr="2e-3", text_lr="5e-4", batch="32", aug="plain", views="6", smooth="0.1", wd="0.05", head="prompts", names="sanskrit", k="5", which="0", seed="0", ema="0", log_every="3", mix="0", drop="0", subset="", invert="0"):
    torch.manual_seed(int(seed)); R, batch, epochs, views = int(R), int(batch), int(epochs), int(views)
    t = trunk(); f = ov_prefix(t, 4, R); lab = photos(data, R)[1]; classes = np.unique(lab); y = torch.from_numpy(np.searchsorted(classes, lab))
    tr, te = fold(lab, int(k), int(which)); 
    if invert == "1": tr, te = te, tr
    mini = open_encoder("CLIP-mini-RN", Path("."), 0).model; tail = Tail(fold_(t), "gap", cut=4).to(memory_format=torch.channels_last).eval()
    if init != "imagenet": s = torch.load(L / f"ckpt_{init}.pt", weights_only=False); tail.load_state_dict(s["tail"]); mini.visual = nn.Module(); mini.visual.conv1 = nn.Conv2d(1, 1, 1); mini.load_state_dict(s["text"], strict=False)
    else: mini.visual = nn.Module(); mini.visual.conv1 = nn.Conv2d(1, 1, 1)
    mini.token_embedding.requires_grad_(True)
    ps = {"sanskrit": [f"Image of a person doing the yoga pose {x}" for x in class_names(classes, "sanskrit")], "description": [f"a person {x}" for x in class_names(classes, "description")]}.get(names)
    tk = tokenise(ps, 48) if ps else None
    clf = nn.Linear(128 if head != "linear1280" else 1280, len(classes))
    if head == "free":  # class vectors, from the descriptions' ensemble
        with torch.no_grad(): W = torch.stack([unit(unit(mini.encode_text(tokenise(ensembles()[c], 48))).mean(0)) for c in classes])
        W = nn.Parameter(W.clone())
    newp = [p for n, p in tail.named_parameters() if n.startswith("proj")] + (list(clf.parameters()) if head.startswith("linear") else [W] if head == "free" else []); oldp = [p for n, p in tail.named_parameters() if not n.startswith("proj")]
    text = [p for n, p in mini.named_parameters() if not n.startswith("visual")] if head == "prompts" else [mini.logit_scale]
    opt = torch.optim.AdamW([dict(params=oldp, top=float(lr)), dict(params=newp, top=float(new_lr)), dict(params=text, top=float(text_lr))], betas=(.9, .98), weight_decay=float(wd), fused=True)
    def logits_of(x):
        z = tail(x)
        if head == "linear1280": return clf(tail.pooled)
        if head == "linear": return clf(z)
        w = unit(W) if head == "free" else unit(mini.encode_text(tk))
        return mini.logit_scale.exp() * unit(z) @ w.T
    plain, mirror = feats(data, R, "none", 0, f), feats(data, R, "mirror", 0, f)
    nhwc = lambda a: a.float().permute(0, 3, 1, 2)
    @torch.no_grad()
    def judge():
        a, b = (torch.cat([logits_of(nhwc(q[torch.from_numpy(te[i:i+128])])) for i in range(0, len(te), 128)]).softmax(1) for q in (plain, mirror))
        r = {}
        for n_, p in (("plain", a), ("mirrored", (a + b) / 2)):
            top = p.topk(min(5, p.shape[1]), 1).indices == y[te][:, None]; r[n_] = f"{wilson(int(top[:, 0].sum()), len(te))} t5 {100*top.any(1).float().mean():.1f}"
        return r
    steps = epochs * (len(tr) // batch); n = 0; t0, c0 = time.time(), time.process_time(); g = torch.Generator().manual_seed(int(seed)); rng = np.random.default_rng(0)
    avg = None
    print(name, "before", judge(), flush=True)
    for e in range(epochs):
        x_all = feats(data, R, aug, e % views, f); order = torch.from_numpy(tr)[torch.randperm(len(tr), generator=g)]; hits = tot = 0; lsum = 0
        for c in order[: len(order)//batch*batch].split(batch):
            sh = n / steps; fac = min(1, (n + 1) / (.1 * steps)) * (.01 + .99 * .5 * (1 + math.cos(math.pi * sh)))
            for gr in opt.param_groups: gr["lr"] = gr["top"] * fac
            lo = logits_of(nhwc(x_all[c])); loss = cross_entropy(lo, y[c], label_smoothing=float(smooth))
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(oldp + newp + text, 5.0); opt.step(); n += 1
            with torch.no_grad(): mini.logit_scale.clamp_(max=math.log(100))
            hits += (lo.argmax(1) == y[c]).sum().item(); tot += len(c); lsum += loss.item() * len(c)
        if (e + 1) % int(log_every) == 0 or e == epochs - 1: print(name, "epoch", e + 1, "loss", round(lsum / tot, 3), "train", round(100 * hits / tot, 1), judge(), "cpu", round(time.process_time() - c0), "wall", round(time.time() - t0), flush=True)
fold_ = fold
from lab import fold as split_fold
fold = split_fold
if __name__ == "__main__": main(args[0], **dict(x.split("=") for x in args[1:]))
