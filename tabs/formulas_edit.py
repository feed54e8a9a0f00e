"""The text of the formula panels of the tabs that edit a picture."""

SDEDIT = r"""
Noise the picture to a level $t_0$, then denoise it as if it had come from pure noise:

$$x_{t_0} = \sqrt{\bar\alpha_{t_0}}\;x_{\text{in}} + \sqrt{1-\bar\alpha_{t_0}}\;\epsilon, \qquad t_0 = \mathrm{timesteps}[i_{\text{start}}], \qquad \mathrm{timesteps} = 990, 960, \dots, 0$$

$$x_{t'} = \sqrt{\bar\alpha_{t'}}\;\hat x_0(x_t, t) + \sqrt{1-\bar\alpha_{t'}}\;\hat\epsilon(x_t, t) \qquad \text{for } t = t_0, \dots, 0$$

(that is DDIM; with DDPM it is the posterior step of *Sampling & guidance*). $x_{\text{in}}$ your picture, $\epsilon \sim \mathcal N(0, I)$ the noise of the seed, the same in every rung of a row; $i_{\text{start}}$ where the run begins, counted from 0: a **small** $i$ is much noise and much freedom, a **large** $i$ little noise and a result near the input. $t$ timestep, $t'$ the next one down; $\bar\alpha_t$ the share of signal power left, 1 after the last step; $\hat x_0$ the clean estimate (on the page: x_0). With a prompt, $\hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u)$ from the estimates without and with it. At every step $\hat x_0$ is clipped to $[-1, 1]$, and $\hat\epsilon$ made to fit it.

The course steps with DDPM, $w = 7$ (its $\gamma$), and stops at $t = 0$, so its run from 690 asks the network 23 times; ours takes one more step, to the clean picture.

Noise drowns fine detail first and large shapes last. What is left under the noise is what the result keeps: at $t_0 = 390$ edges survive, at $690$ only blocks of colour, at $960$ hardly the mean brightness.

**Watch** the rung where the picture stops being yours: left of it the network draws what it knows, right of it your layout holds. A crude drawing wants $i$ in the middle: far enough to lose the flat strokes, near enough to keep what stands where.

All rungs are one batch that grows: rung $i$ joins when the run comes to its $t_0$, so six strengths take as many network calls as the first alone, each on a few more pictures.

Meng et al. 2021 (SDEdit) · Ho & Salimans 2022 (guidance) — `core.sdedit.sdedit`, `core.ladders.Ladder`
"""

INPAINTING = r"""
A run starts from pure noise and steps down with DDPM's posterior (the formula of *Forward & denoise*, $\hat x_0$ clipped to $[-1, 1]$). After every step, from $t$ down to $t'$, everything outside the hole is replaced by the picture itself, noised to the level just reached:

$$x_{t'} \leftarrow m \odot x_{t'} + (1-m)\odot\Big(\sqrt{\bar\alpha_{t'}}\;x_{\text{orig}} + \sqrt{1-\bar\alpha_{t'}}\;z\Big), \qquad z \sim \mathcal N(0, I)$$

$m = 1$ where new content goes, $0$ where the picture stays; $t$ timestep, $t'$ the next one down, $\bar\alpha$ the share of signal power left. A feathered edge, $0 < m < 1$, counts as 1 on the way; only the result is blended with the picture there. At the end ($\bar\alpha = 1$) the known pixels are the picture's, bit for bit. What lies under the mask plays no part.

**Resampling.** One step down fits the hole to its surroundings a little; the fresh noise outside undoes part of that. So RePaint goes back up by adding noise, and down again, until it has gone down every stretch of $j$ steps but the first, which is nearly pure noise, $n$ times (the paper's $r$; $n = 1$ never goes back):

$$x_{t''} = \sqrt{\tfrac{\bar\alpha_{t''}}{\bar\alpha_t}}\;x_t + \sqrt{1-\tfrac{\bar\alpha_{t''}}{\bar\alpha_t}}\;z, \qquad t'' \text{ the timestep } j \text{ places higher in the list of steps}$$

Only steps down ask the network. The paper's setting, 250 steps with $j = 10$ and $n = 10$, has 4,570 transitions, 2,410 of them network calls; the zig-zag shows yours. The course takes $n = 1$, steps of 30 from $t = 990$ and $w = 7$ (its $\gamma$).

**Clean paste** keeps the known pixels without noise at every step, as simple pipelines do. The network then sees noise of two levels in one picture while it is told one $t$, which it never met in training. That shows as a seam or as flat content; how much, and whether it is worse at all, depends on the picture and the hole, so compare a few seeds.

**Watch** lines that cross the edge of the hole: with $n = 1$ the filling often ignores them, with more passes they go on.

Lugmayr et al. 2022 (RePaint) — `core.inpainting.inpaint`, `core.inpainting.zigzag`, `core.fillings.Filling`
"""
