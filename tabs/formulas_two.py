"""The text of the formula panels of anagrams and hybrids."""

ANAGRAMS = r"""
Ask the network about every view of the same state, each with its own prompt; turn its answers back; take their mean:

$$\hat\epsilon = \sum_i w_i\; v_i^{-1}\Big(\hat\epsilon\big(v_i(x_t),\, t,\, p_i\big)\Big), \qquad \sum_i w_i = 1, \qquad x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\;\epsilon$$

$t$ timestep, $\bar\alpha_t$ the share of signal power left; $v_i$ a view (as it is, upside down, in patches ...), $p_i$ its prompt, $w_i$ its weight; alternating takes one $i$ per step instead of the mean. Every $\hat\epsilon(\cdot, p_i)$ is guided, $\epsilon_u + w\,(\epsilon_c-\epsilon_u)$ from the estimates without and with the prompt; all views and both halves are one network call. At every step the clean estimate $\hat x_0$ that follows from $\hat\epsilon$ is clipped to $[-1, 1]$.

A view must be linear, so that the view of a noisy picture is a noisy picture of the view, and it must turn noise $\mathcal N(0, I)$ into noise $\mathcal N(0, I)$: for a matrix $A$ that is $A A^\top = I$, an orthogonal one. Flips, quarter turns, the negative and every shuffle of pixels are; a blur makes neighbours alike, a white balance makes red noise stronger and blue noise weaker, and the network sees noise that it never met.

**Watch** how both rows sharpen together; the big shapes, which serve both prompts, are settled first. In *Inside the chosen picture* each view wants different noise removed. Round things, symmetric faces and loose textures share best; try eight seeds and keep one.

The course steps with DDPM, $w = 7$ (its $\gamma$). Pairs known to work with DeepFloyd IF (the course's): “an oil painting of an old man” / “an oil painting of people around a campfire”, flipped; “an oil painting of a snowy mountain village” / “a photo of a hipster barista”; “a photo of the Amalfi coast” / “an oil painting of a snowy mountain village”. Pocket knows simpler things, so its pairs are simpler.

Geng et al. 2024 (visual anagrams) · Ho & Salimans 2022 (guidance) — `core.illusions.anagram`, `core.views.report`
"""

HYBRIDS = r"""
A picture is the sum of its components; let each come from another prompt:

$$\hat\epsilon = \sum_i f_i\big(\hat\epsilon(x_t, t, p_i)\big), \qquad \sum_i f_i = \mathrm{id}$$

Only the estimate is put together; there is one $x_t$ with one noise, and all estimates of that noise share most of it. At every step the clean estimate $\hat x_0$ that follows from the sum is clipped to $[-1, 1]$.

| split | components |
|---|---|
| frequencies | $f_\text{low} = G_\sigma * x$ (Gaussian blur), $f_\text{high} = x - G_\sigma * x$ |
| three-way | $G_{\sigma_1} * x$, $\;G_{\sigma_2} * x - G_{\sigma_1} * x$, $\;x - G_{\sigma_2} * x$, with $\sigma_1 > \sigma_2$ |
| colour | the mean of the channels, and what it leaves |
| motion | the picture smeared along a path, and what that loses |

The blur's gain at $\nu$ cycles per pixel is $e^{-2\pi^2\sigma^2 \nu^2}$ while $\sigma$ is about a pixel or more and the kernel holds about $\pm 3\sigma$; a shorter one shows as ripples. The eye does the rest: from $d$ times as far it loses what is finer than about $d$ pixels, and the low part is left.

Your own photo can give one component. After every step $x_{t'} \leftarrow x_{t'} - f(x_{t'}) + f(\sqrt{\bar\alpha_{t'}}\,\text{photo} + \sqrt{1-\bar\alpha_{t'}}\,z)$, $z\sim\mathcal N(0, I)$, and the prompts fill in the others.

**Watch** the slider *step back*: the picture changes its meaning on the way to about $1 + 2\sigma$ times as far, where distance has halved the contrast at the frequency $0.19/\sigma$, at which the two gains cross (for $\sigma$ above 3.5 that lies beyond the slider's end, 8 times as far). A larger $\sigma$ gives the near reading more, and the far one must be recognised from less.

The course takes $\sigma = 2$ with a kernel of 33 pixels, and $w = 7$ (its $\gamma$). Pairs known to work with DeepFloyd IF (the course's): low “a lithograph of a skull”, high “a lithograph of waterfalls”; skull and snowy village; old man and campfire.

Geng et al. 2024 (factorized diffusion) · Oliva, Torralba & Schyns 2006 (hybrid images) — `core.illusions.hybrid`, `core.components`, `core.illusions.inverse_constraint`
"""
