"""Laws with numbers inside, rates of change of two-state systems, and test functions of statistics.

One per line: name | formula | ranges.  Ranges: ``x 0..8`` draws uniformly from [0, 8], ``log 0.1..800`` uniformly in
the logarithm; ``40pi`` is 40 times pi.

Sources
-------
`LAWS`: correlations and laws of textbooks with the constants they are known by; where a form has no constants of its
own (decays, peaks, growth) plausible ones are put in.  `STROGATZ`: systems of S. Strogatz, Nonlinear Dynamics and
Chaos, as chosen by La Cava, Danai and Spector 2016, Engineering Applications of Artificial Intelligence 55, 292, with
roughly the ranges that their trajectories visit.  `FUNCTIONS`: Friedman 1991, Annals of Statistics 19, 1 (Friedman);
Ishigami and Homma 1990 (Ishigami); Runge 1901 (Runge).
"""

LAWS = """
antoine_water | exp(16.3872 - 3885.7/(T + 230.17)) | T 1..200
arrhenius | 2.3e7*exp(-52000/(8.314462618*T)) | T 280..500
barometric | 1013.25*(1 - 2.25577e-5*h)**5.25588 | h 0..11000
blasius_friction | 0.3164/Re**0.25 | Re log 4e3..1e5
cepheid_magnitude | -2.43*(log(P)/log(10) - 1) - 4.05 | P log 1..100
damped_swing | 1.8*exp(-0.25*t)*cos(3.1*t + 0.4) | t 0..10
dittus_boelter | 0.023*Re**0.8*Pr**0.4 | Re log 1e4..1e6; Pr 0.7..100
du_bois_body_surface | 0.007184*W**0.425*H**0.725 | W 20..120; H 110..200
enzyme_michaelis_menten | 212.7*c/(0.0641 + c) | c 0.01..1.2
gaussian_peak | 2.6*exp(-(x - 3.4)**2/(2*0.7**2)) + 0.3 | x 0..7
gompertz_growth | 8.5*exp(-3.2*exp(-0.45*t)) | t 0..15
gravity_by_latitude | 9.780327*(1 + 0.0053024*sin(phi)**2 - 0.0000058*sin(2*phi)**2) | phi 0..1.5707963
hazen_williams | 0.849*C*R**0.63*S**0.54 | C 80..150; R 0.02..0.5; S log 1e-3..0.05
kleiber_metabolism | 70*M**0.75 | M log 0.02..4000
large_pendulum | 2*pi*sqrt(L/9.80665)*(1 + theta**2/16 + 11*theta**4/3072) | L 0.2..3; theta 0..1.5
logistic_growth | 12/(1 + 7.5*exp(-0.8*t)) | t 0..10
lorentz_peak | 4.4/(1 + ((f - 2.7)/0.35)**2) + 0.6 | f 0.5..5
magnus_vapour_pressure | 6.1094*exp(17.625*T/(T + 243.04)) | T -40..50
manning_flow | R**(2/3)*sqrt(S)/n | R 0.1..3; S log 1e-4..0.02; n 0.01..0.06
nernst_potential | 25.693*log(a/b) | a b 1..150
newton_cooling | 21 + 58*exp(-0.087*t) | t 0..60
planck_spectrum | x**3/(exp(x) - 1) | x 0.1..12
radiation_exchange | 5.670374419e-8*(T1**4 - T2**4) | T1 300..900; T2 250..300
rydberg_wavelength | 91.17634/(1/m**2 - 1/(m + k)**2) | m int 1..5; k int 1..8
schiller_naumann_drag | 24/Re*(1 + 0.15*Re**0.687) | Re log 0.1..800
sound_speed_in_air | 331.3*sqrt(1 + T/273.15) | T -40..50
sutherland_viscosity | 1.458e-6*T**1.5/(T + 110.4) | T 200..1500
swamee_jain_friction | 0.25/(log(eps/3.7 + 5.74/Re**0.9)/log(10))**2 | eps log 1e-5..0.02; Re log 5e3..1e7
thermistor | 1/(0.001129148 + 0.000234125*log(R) + 8.76741e-8*log(R)**3) | R log 500..1e5
tsiolkovsky | v*log(m0/m1) | v 2..4.5; m0 10..100; m1 1..9
two_decays | 3.7*exp(-t/0.6) + 1.4*exp(-t/4.8) | t 0..12
wind_chill | 13.12 + 0.6215*T - 11.37*v**0.16 + 0.3965*T*v**0.16 | T -40..5; v 5..80
"""

STROGATZ = """
strogatz_bacres1 | 20 - x - x*y/(1 + 0.5*x**2) | x 3.5..16.3; y 9.8..54.5
strogatz_bacres2 | 10 - x*y/(1 + 0.5*x**2) | x 3.5..16.3; y 9.8..54.5
strogatz_barmag1 | 0.5*sin(x - y) - sin(x) | x 4.1..6; y 0.2..6.7
strogatz_barmag2 | 0.5*sin(y - x) - sin(y) | x 4.1..6; y 0.2..6.7
strogatz_glider1 | -0.05*x**2 - sin(y) | x 0.16..5.6; y -1.3..28.8
strogatz_glider2 | x - cos(y)/x | x 0.16..5.6; y -1.3..28.8
strogatz_lv1 | 3*x - 2*x*y - x**2 | x 0..8; y 0..3
strogatz_lv2 | 2*y - x*y - y**2 | x 0..8; y 0..3
strogatz_predprey1 | x*(4 - x - y/(1 + x)) | x 0..6.6; y 2.2..11.7
strogatz_predprey2 | y*(x/(1 + x) - 0.075*y) | x 0..6.6; y 2.2..11.7
strogatz_shearflow1 | cos(x)/tan(y) | x -4.4..3.6; y -2.7..2.1
strogatz_shearflow2 | (cos(y)**2 + 0.1*sin(y)**2)*sin(x) | x -4.4..3.6; y -2.7..2.1
strogatz_vdp1 | 10*(y - (x**3 - x)/3) | x -1.2..1.9; y -0.2..0.9
strogatz_vdp2 | -x/10 | x -1.2..1.9
"""

FUNCTIONS = """
Friedman-1 | 10*sin(pi*x1*x2) + 20*(x3 - 0.5)**2 + 10*x4 + 5*x5 | x1 x2 x3 x4 x5 0..1
Friedman-2 | sqrt(x1**2 + (x2*x3 - 1/(x2*x4))**2) | x1 0..100; x2 40pi..560pi; x3 0..1; x4 1..11
Friedman-3 | atan((x2*x3 - 1/(x2*x4))/x1) | x1 0..100; x2 40pi..560pi; x3 0..1; x4 1..11
Ishigami | sin(x1) + 7*sin(x2)**2 + 0.1*x3**4*sin(x1) | x1 x2 x3 -1pi..1pi
Runge | 1/(1 + 25*x**2) | x -1..1
"""
