"""The text of the formula panels: equation, symbols, what to watch, paper, and the function that does it."""

GENERATE = r"""
Both kinds of model see a picture on a path between a clean digit and noise, and estimate its two ends, $\hat x_0$ and $\hat\epsilon$:

$$x_t = a_t\,x_0 + s_t\,\epsilon \qquad \text{DDPM: } a_t = \sqrt{\bar\alpha_t},\; s_t = \sqrt{1-\bar\alpha_t} \qquad \text{flow matching: } a_t = \tau,\; s_t = 1-\tau,\; \tau = 1 - \tfrac{t+1}{T}$$

A DDPM network predicts the noise, so $\hat x_0 = (x_t - s_t\,\hat\epsilon)/a_t$. A flow network predicts the velocity $u = x_0-\epsilon$, so $\hat x_0 = x_t + (1-\tau)\,u$ and $\hat\epsilon = x_t - \tau u$. A step from $t$ to $t'$ puts the two ends together again at the new level:

$$x_{t'} = a_{t'}\,\hat x_0 + \sqrt{s_{t'}^2-\sigma^2}\;\hat\epsilon + \sigma z, \qquad \sigma = \eta\, s_{t'}\sqrt{1-\Big(\frac{a_t\, s_{t'}}{a_{t'}\, s_t}\Big)^2}$$

With $\eta = 1$ and fresh noise $z$ this is DDPM, with $\eta = 0$ DDIM; on the straight path, with $\eta = 0$, it is Euler's step $x_{\tau'} = x_\tau + (\tau'-\tau)\,u$. Heun takes Euler's step, asks again there, and walks with the mean of the two answers. Guidance asks with and without the class:

$$\hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u) \qquad (w = 0 \text{ without the class},\; 1 \text{ with it},\; >1 \text{ guided})$$

$t$ timestep (larger is noisier; $T = 300$ for DDPM, 1000 for flow), $\bar\alpha_t$ the share of signal power left at $t$, $w$ guidance.

**Watch** the clean estimate: it decides *which* digit within the first third and spends the rest on strokes. Raise $w$: digits get surer and more alike.

Ho et al. 2020 (DDPM) · Song et al. 2021 (DDIM) · Karras et al. 2022 (Heun) · Ho & Salimans 2022 (guidance) · Lipman et al. 2023 (flow matching) — `core.samplers.ddim`, `core.samplers.heun`, `core.guidance.guide`
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

**Watch** the columns away from 0.5: at $\sigma = 0$ nothing is to be done and $D$ still changes the digit, so the error *rises* from zero; above 0.5 it guesses strokes that were never there. And if the input is *all* noise, the best answer in the squared error is always the same: the mean of all digits.

Vincent et al. 2008 (denoising autoencoders) — `core.digits.denoise_ladder`, `core.digits.mean_digit`
"""

SAMPLING = r"""
A network looks at a noisy picture and says what noise is in it. Turned round, that is a guess at the clean picture:

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon \qquad\Rightarrow\qquad \hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\hat\epsilon}{\sqrt{\bar\alpha_t}}$$

A step from $t$ to $t'$, however long, mixes that guess with the state. With $\alpha = \bar\alpha_t / \bar\alpha_{t'}$ and $\beta = 1-\alpha$, DDPM's posterior is

$$x_{t'} = \frac{\sqrt{\bar\alpha_{t'}}\,\beta}{1-\bar\alpha_t}\,\hat x_0 + \frac{\sqrt{\alpha}\,(1-\bar\alpha_{t'})}{1-\bar\alpha_t}\,x_t + \sigma z, \qquad \sigma^2 = \beta\,\frac{1-\bar\alpha_{t'}}{1-\bar\alpha_t}$$

and DDIM goes without the noise $z$: $x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1-\bar\alpha_{t'}}\;\hat\epsilon$. Guidance asks twice, without the prompt and with it, and walks past the second answer:

$$\hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u)$$

$w = 0$ ignores the prompt, $1$ obeys it, more insists; a negative prompt takes the place of "without". At high $w$ the estimate leaves $[-1, 1]$: clipping saturates colours, dynamic thresholding divides each picture by its own quantile instead. Guidance may also be on for a stretch of the timesteps alone; elsewhere $w = 1$, and the network is asked once.

**Watch** the clean estimate: first a blur that is the mean of everything possible, then one thing. In *Inside one picture* the difference of the two noises is where the prompt pulls. *When to guide* shows what that pull does at which $t$. Large networks do best with guidance in the middle of the run; pocket, which is small, needs it early, to decide what there is to see, and late it only makes edges and colours harsh.

Ho et al. 2020 (DDPM) · Song et al. 2021 (DDIM) · Ho & Salimans 2022 (guidance) · Saharia et al. 2022 (dynamic thresholding) · Kynkäänniemi et al. 2024 (guidance in an interval) — `core.samplers.ddim`, `core.guidance.guide`, `core.guidance.dynamic_threshold`
"""

DENOISE = r"""
Noising takes one line and no network; it can be done to any $t$ at once:

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon, \qquad \epsilon \sim \mathcal N(0, I)$$

A network that says what noise is in $x_t$ undoes it in **one step**:

$$\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\hat\epsilon(x_t, t)}{\sqrt{\bar\alpha_t}}$$

Or **iteratively**: mix that guess with the state, go $30$ timesteps down, ask again. With $\alpha = \bar\alpha_t/\bar\alpha_{t'}$, $\beta = 1-\alpha$:

$$x_{t'} = \frac{\sqrt{\bar\alpha_{t'}}\,\beta}{1-\bar\alpha_t}\,\hat x_0 + \frac{\sqrt{\alpha}\,(1-\bar\alpha_{t'})}{1-\bar\alpha_t}\,x_t + \sigma z$$

$t$ timestep, 0 to 999; $\bar\alpha_t$ the share of signal power left; PSNR $= 10\log_{10}(4/\mathrm{MSE})$ for pictures in $[-1, 1]$.

**Watch** the blur: it cannot tell noise from detail, so it gives up both. One step gives the *mean* of all pictures that fit, which is soft and has the best PSNR; iterating picks *one* of them, which is sharp and may be a different one: past some $t$ its PSNR is lower although it looks better (the perception–distortion trade-off).

Ho et al. 2020 · Blau & Michaeli 2018 (perception and distortion) · Buades et al. 2005 (non-local means). The classical filters are tuned with the clean picture in hand — `core.editing.best_blur`, `core.editing.one_step`, `core.denoising.Denoising`
"""
