"""The text of the formula panels: equation, symbols, what to watch, paper, and the function that does it."""

GENERATE = r"""
Both kinds of model see a picture on a path between a clean digit and noise, and estimate its two ends, $\hat x_0$ and $\hat\epsilon$:

$$x_t = a_t\,x_0 + s_t\,\epsilon \qquad \text{DDPM: } a_t = \sqrt{\bar\alpha_t},\; s_t = \sqrt{1-\bar\alpha_t} \qquad \text{flow matching: } a_t = \tau,\; s_t = 1-\tau,\; \tau = 1 - \tfrac{t+1}{T}$$

A DDPM network predicts the noise, so $\hat x_0 = (x_t - s_t\,\hat\epsilon)/a_t$. A flow network predicts the velocity $u = x_0-\epsilon$, so $\hat x_0 = x_t + (1-\tau)\,u$ and $\hat\epsilon = x_t - \tau u$. A step from $t$ to $t'$ puts the two ends together again at the new level:

$$x_{t'} = a_{t'}\,\hat x_0 + \sqrt{s_{t'}^2-\sigma^2}\;\hat\epsilon + \sigma z, \qquad \sigma = \eta\, s_{t'}\sqrt{1-\Big(\frac{a_t\, s_{t'}}{a_{t'}\, s_t}\Big)^2}$$

With $\eta = 1$ and fresh noise $z$ this is DDPM (with the posterior's $\sigma$; the course's algorithm for digits adds the larger $\sqrt{\beta}\,z$, which Ho et al. found to do as well), with $\eta = 0$ DDIM; on the straight path, with $\eta = 0$, it is Euler's step $x_{\tau'} = x_\tau + (\tau'-\tau)\,u$. Heun takes Euler's step, asks again there, and walks with the mean of the two answers; its last step is Euler's, so $n$ steps take $2n-1$ calls. Guidance asks with and without the class:

$$\hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u) \qquad (w = 0 \text{ without the class},\; 1 \text{ with it},\; >1 \text{ guided})$$

and $\hat x_0$ is guided by the same formula: at flow's first step, where $\hat\epsilon = x_t$ with and without the class, guidance shows in $\hat x_0$ alone.

$t$ timestep (larger is noisier; $T = 300$ for DDPM, 1000 for flow), $\bar\alpha_t$ the share of signal power left at $t$, $\hat x_0$ the clean estimate (on the page: x_0), $w$ guidance. The course counts flow matching the other way: its $t$ is our $\tau$, its $x_0$ our $\epsilon$, its $x_1$ our $x_0$, its $\gamma$ our $w$.

**Watch** the clean estimate: with a class it shows the digit within the first third, and the rest is spent on strokes. Without one the digit is decided in the middle: a third of the way through our classifier reads one estimate in five, or fewer, as it reads the result, three quarters through about nine in ten. Raise $w$: digits get surer and more alike.

Ho et al. 2020 (DDPM) · Song et al. 2021 (DDIM) · Karras et al. 2022 (Heun) · Ho & Salimans 2022 (guidance) · Lipman et al. 2023 (flow matching) — `core.samplers.ddim`, `core.samplers.heun`, `core.guidance.guide`
"""

SAME_NOISE = r"""
Both start from the same noise $\epsilon \sim \mathcal N(0, I)$ and walk to a digit, $x_t = a_t\,x_0 + s_t\,\epsilon$. Only the path differs:

$$\text{DDPM: } a_t = \sqrt{\bar\alpha_t},\; s_t = \sqrt{1-\bar\alpha_t} \qquad\qquad \text{flow: } a = \tau,\; s = 1-\tau$$

and one update serves both, $x_{t'} = a_{t'}\,\hat x_0 + s_{t'}\,\hat\epsilon$: it is DDIM on the first path and Euler's method on the second. ($\bar\alpha_t$ the share of signal power left; $\tau$ flow's time, 0 for noise to 1; the $t$ under the pictures is DDPM's, from 299 down; the last step goes from the last $t$ shown to the clean digit.)

**Watch** slant, width and loops of each pair: two networks that never met often find kindred digits in the same noise. With perfect networks and small steps they would find the same ones: at equal $s/a$ both walk the same curve up to scale, and the data alone decide which. What differs comes from the training, from the number of steps, and from the start: the DDPM path ends at $a = 0.22$, not 0, and is begun from pure noise all the same.

Song et al. 2021 (DDIM) · Lipman et al. 2023 (flow matching) — `core.samplers.ddim` on `core.schedule.Schedule.linear` and `Schedule.flow`
"""

SINGLE_STEP = r"""
$$z = x + \sigma\,\epsilon, \qquad L = \mathbb E\,\lVert D(z) - x\rVert^2$$

$x$ a clean digit in $[0, 1]$, $\epsilon \sim \mathcal N(0, I)$, $\sigma$ the noise level, $D$ the network, trained at $\sigma = 0.5$ only.

**Watch** the columns away from 0.5: at $\sigma = 0$ nothing is to be done and $D$ still changes the digit, so there, alone among the seven, its answer is worse than what it was given; above 0.5 it guesses strokes that were never there. And if the input is *all* noise, the best answer in the squared error is always the same: the mean of all digits. $D$ is never told $\sigma$; the networks of the other tabs are told $t$, which is why one network serves every level of noise.

Vincent et al. 2010 (denoising autoencoders) — `core.digits.denoise_ladder`, `core.digits.mean_digit`
"""

LEARNED = r"""
Training of the DDPM and flow models draws a digit $x_0$, with its class $c$ where the model takes one, noise $\epsilon$ and a random time, mixes them, and asks for one squared error:

$$x_t = a_t\,x_0 + s_t\,\epsilon \qquad \text{DDPM: } \mathbb E\,\lVert \epsilon_\theta(x_t, t, c)-\epsilon\rVert^2 \qquad \text{flow: } \mathbb E\,\lVert u_\theta(x_t, t, c)-(x_0-\epsilon)\rVert^2$$

Where there is a class, it is left out for one digit in ten ($c = 0$), so the same network can answer with and without it, as guidance asks it to. The network is the course's U-Net: down to 7 × 7 and to 1 × 1, and up again, with skip connections that carry the fine detail past the middle. In two places on the way up its features $h$ become $c \odot h + t$, where small networks of two layers make $c$ of the class and $t$ of the time. (The network without a class adds $t$ in the same way; some years of the course multiply by it.)

**Watch** that the loss never comes near 0: many digits with as many noises give the same $x_t$, and the best answer is their mean. So it says little about the samples, which go on improving when the curve is almost flat. The averaged weights (an exponential mean over the last steps, which the course does without) are ahead of the raw ones while the learning rate is high. The course trains flow matching with Adam at 0.01, falling to a tenth over 10 epochs, in batches of 64; what we did otherwise is named under the curve.

Ho et al. 2020 (DDPM) · Lipman et al. 2023 (flow matching) · Ho & Salimans 2022 (class left out) — `training.mnist_recipes`, `core.models.unet.UNet`
"""

SAMPLING = r"""
A network looks at a noisy picture and says what noise is in it. Turned round, that is a guess at the clean picture:

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon \qquad\Rightarrow\qquad \hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\hat\epsilon}{\sqrt{\bar\alpha_t}}$$

($t$ timestep, 999 for noise to 0; $\bar\alpha_t$ the share of signal power left; $\hat x_0$ the clean estimate, on the page x_0. Pocket says $v=\sqrt{\bar\alpha_t}\,\epsilon-\sqrt{1-\bar\alpha_t}\,x_0$ instead, so $\hat x_0=\sqrt{\bar\alpha_t}\,x_t-\sqrt{1-\bar\alpha_t}\,\hat v$: the same guess, with no division where $\bar\alpha_t\approx 0$.)

A step from $t$ to $t'$, however long, mixes that guess with the state; after the last one $\bar\alpha_{t'} = 1$. With $\alpha = \bar\alpha_t / \bar\alpha_{t'}$ and $\beta = 1-\alpha$, DDPM's posterior is

$$x_{t'} = \frac{\sqrt{\bar\alpha_{t'}}\,\beta}{1-\bar\alpha_t}\,\hat x_0 + \frac{\sqrt{\alpha}\,(1-\bar\alpha_{t'})}{1-\bar\alpha_t}\,x_t + \sigma z, \qquad \sigma^2 = \beta\,\frac{1-\bar\alpha_{t'}}{1-\bar\alpha_t}$$

with fresh noise $z \sim \mathcal N(0, I)$. (DeepFloyd IF says its own $\sigma$, the course's $v_\sigma$, per pixel between this one and $\sqrt\beta$: $\log\sigma^2 = f\log\beta + (1-f)\log\tilde\beta$ with $\tilde\beta$ the $\sigma^2$ above and $f$ from 0 to 1.)

**DDIM** draws no noise and puts the estimated noise back in full:

$$x_{t'} = \sqrt{\bar\alpha_{t'}}\,\hat x_0 + \sqrt{1-\bar\alpha_{t'}}\;\hat\epsilon$$

(To leave out $z$ in DDPM's formula is not DDIM: the state would lose variance at every step.) Without fresh noise the path from noise to picture is one smooth curve, which long steps follow well; the noise that DDPM adds has to be taken out by the steps after it, so it needs more of them: see *Step sweep* with both. **DPM-Solver++** walks DDIM's curve and uses the guess before, too, to see where $\hat x_0$ is going.

**Guidance** asks twice, without the prompt and with it, and walks past the second answer:

$$\hat\epsilon = \epsilon_u + w\,(\epsilon_c-\epsilon_u)$$

$\epsilon_u$ without the prompt, $\epsilon_c$ with it: $w = 0$ ignores the prompt, $1$ obeys it, more insists; a negative prompt takes the place of "without". (Pocket learned "no prompt" from photos alone, so for a drawing guidance also leads away from photos.)

$\hat\epsilon$ is the **score** in other words, $\nabla_{x_t}\log p(x_t) = -\hat\epsilon/\sqrt{1-\bar\alpha_t}$, so every step climbs towards likelier pictures; $\epsilon_c-\epsilon_u$ is, up to the same factor, the gradient of $\log p(\text{prompt}\mid x_t)$, and guidance takes it $w$ times. Pushed past what any picture has, contrast and colour grow.

At high $w$ the estimate leaves $[-1, 1]$: clipping saturates colours; dynamic thresholding clips to $\pm q$ and divides by $q$, a quantile (95 %) of $|\hat x_0|$ in each picture, but at least 1 and at most 1.5. Guidance may also be on for a stretch of the timesteps alone; elsewhere $w = 1$, and the network is asked once.

**Watch** the clean estimate: first a blur (at $w = 1$ the mean of everything that fits the prompt, at larger $w$ pushed past it), then one thing. In *Inside one picture* the difference of the two noises shows where the prompt pulls, bright where it makes the picture darker; at the start it is faint, though the pull on $\hat x_0$, $-\sqrt{1-\bar\alpha_t}/\sqrt{\bar\alpha_t}$ times as large, is strong. *When to guide* shows what that does at which $t$: pocket needs guidance early, where it decides what there is to see, and late it only makes the edges of drawings harsh; in the first third alone it gets nearly as many photos right as throughout, with a third fewer pictures through the network (a guided call takes each twice). For large networks Kynkäänniemi et al. found the middle of the run best.

Ho et al. 2020 (DDPM) · Song et al. 2021 (DDIM) · Ho & Salimans 2022 (guidance) · Lu et al. 2022 (DPM-Solver++) · Salimans & Ho 2022 ($v$) · Saharia et al. 2022 (dynamic thresholding) · Kynkäänniemi et al. 2024 (guidance in an interval) — `core.samplers.posterior`, `core.samplers.ddim`, `core.samplers.dpm_solver`, `core.guidance.guide`, `core.guidance.dynamic_threshold`
"""

DENOISE = r"""
Noising takes one line and no network; it can be done to any $t$ at once:

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon, \qquad \epsilon \sim \mathcal N(0, I), \qquad \bar\alpha_t = \prod_{s\le t}(1-\beta_s)$$

It is all the small steps up to $t$, $x_s = \sqrt{1-\beta_s}\,x_{s-1}+\sqrt{\beta_s}\,\epsilon_s$ in one, because a sum of Gaussian noises is Gaussian. The roots are there because variances add, not amplitudes: $\bar\alpha_t + (1-\bar\alpha_t) = 1$ keeps pixels of variance 1 at variance 1.

A network that says what noise is in $x_t$ undoes it in **one step**:

$$\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\hat\epsilon(x_t, t)}{\sqrt{\bar\alpha_t}}$$

Or **iteratively**: mix that guess with the state, go down by the stride, from $t$ to $t' = t - 30$ say, and ask again. With $\alpha = \bar\alpha_t/\bar\alpha_{t'}$, $\beta = 1-\alpha$:

$$x_{t'} = \frac{\sqrt{\bar\alpha_{t'}}\,\beta}{1-\bar\alpha_t}\,\hat x_0 + \frac{\sqrt{\alpha}\,(1-\bar\alpha_{t'})}{1-\bar\alpha_t}\,x_t + \sigma z, \qquad \sigma^2 = \beta\,\frac{1-\bar\alpha_{t'}}{1-\bar\alpha_t}$$

On the way $\hat x_0$ is clipped to $[-1, 1]$, and $\hat\epsilon$ made to fit it. $t$ timestep, 0 to 999; $\bar\alpha_t$ the share of signal power left, 1 after the last step; $\hat x_0$ the clean estimate (on the page: x_0); $z \sim \mathcal N(0, I)$ fresh noise, with the $\sigma$ that DeepFloyd IF says itself, or this one for pocket; PSNR $= 10\log_{10}(4/\mathrm{MSE})$ for pictures in $[-1, 1]$.

**Watch** the blur: it cannot tell noise from detail, so it gives up both. One step estimates the *mean* of all pictures that fit, which is soft and, from a perfect network, has the best PSNR on average (at small $t$ a tuned filter may still beat ours); iterating picks *one* of them, which is sharp and may be a different one: its PSNR is lower, with a perfect network by 3 dB, although it looks better (the perception–distortion trade-off). *Inside the longest run* shows that trade step by step: the PSNR of $\hat x_0$ is highest early, where $\hat x_0$ is still soft.

The classical filters get $x_t/\sqrt{\bar\alpha_t}$, the noisy picture at its right brightness, and are tuned with the clean picture in hand. The column *noisy* is $x_t$ itself, so its PSNR counts the lost brightness too. Every picture is clipped to $[-1, 1]$, as it is shown, before its PSNR is taken; without that the noisy one has up to 2 dB less. The course blurs $x_t$ as it is; *The filters get* under More settings does the same, and at $t = 750$ more than half of what the blur then lacks is brightness.

Ho et al. 2020 · Blau & Michaeli 2018 (perception and distortion) · Buades et al. 2005 (non-local means) — `core.editing.best_blur`, `core.editing.one_step`, `core.denoising.Denoising`
"""
