"""The text of the formula panels: equation, symbols, what to watch, paper, and the function that does it."""

GENERATE = r"""
$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon \qquad \hat x_0 = \frac{x_t-\sqrt{1-\bar\alpha_t}\,\hat\epsilon}{\sqrt{\bar\alpha_t}} \qquad \hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u)$$

A step from $t$ to $t'$ moves along the path between the two ends that the network sees, with fresh noise $z$ for DDPM ($\eta = 1$) and none for DDIM ($\eta = 0$):

$$x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1-\bar\alpha_{t'}-\sigma^2}\,\hat\epsilon + \sigma z, \qquad \sigma^2 = \eta^2\,\frac{1-\bar\alpha_{t'}}{1-\bar\alpha_t}\Big(1-\frac{\bar\alpha_t}{\bar\alpha_{t'}}\Big)$$

Flow matching walks a straight path, $x_\tau = \tau\,x_0 + (1-\tau)\,\epsilon$, along the velocity $u = x_0-\epsilon$: Euler's step is $x_{\tau'} = x_\tau + (\tau'-\tau)\,u$.

$x_0$ clean digit, $\epsilon$ noise, $t$ timestep (larger is noisier), $\bar\alpha_t$ signal left at $t$, $w$ guidance, $c$ / $u$ with and without the class.

**Watch** the clean estimate: it decides *which* digit within the first third and spends the rest on strokes. Raise $w$: digits get surer and more alike.

Ho et al. 2020 (DDPM) · Song et al. 2021 (DDIM) · Ho & Salimans 2022 (guidance) · Lipman et al. 2023 (flow matching) — `core.samplers.ddim`, `core.samplers.heun`, `core.guidance.guide`
"""

SAME_NOISE = r"""
Both start from the same $x_T \sim \mathcal N(0, I)$ and walk from noise to digit, $x_t = a_t\,x_0 + s_t\,\epsilon$. Only the path differs:

$$\text{DDPM: } a_t = \sqrt{\bar\alpha_t},\; s_t = \sqrt{1-\bar\alpha_t} \qquad\qquad \text{flow: } a = \tau,\; s = 1-\tau$$

and one update serves both, $x_{t'} = a_{t'}\,\hat x_0 + s_{t'}\,\hat\epsilon$: it is DDIM on the first path and Euler's method on the second.

**Watch** slant, width and loops of each pair: two networks that never met often find kindred digits in the same noise, because the map from noise to pictures is set by the data more than by the path.

Song et al. 2021 (DDIM) · Lipman et al. 2023 (flow matching) — `core.samplers.ddim` on `core.schedule.Schedule.linear` and `Schedule.flow`
"""

SINGLE_STEP = r"""
$$z = x + \sigma\,\epsilon, \qquad L = \mathbb E\,\lVert D(z) - x\rVert^2$$

$x$ a clean digit in $[0, 1]$, $\epsilon \sim \mathcal N(0, I)$, $\sigma$ the noise level, $D$ the network, trained at $\sigma = 0.5$ only.

**Watch** the columns away from 0.5: below it $D$ has little to do, above it guesses strokes that were never there. And if the input is *all* noise, the best answer in the squared error is always the same: the mean of all digits.

Vincent et al. 2008 (denoising autoencoders) — `core.digits.denoise_ladder`, `core.digits.mean_digit`
"""
