"""Test formulas of the genetic programming literature, one per line: name | formula | ranges.

Ranges: ``x1 x2 0..1`` draws both uniformly from [0, 1]; ``int 1..50`` draws whole numbers, both ends included.

Sources
-------
Koza 1992, Genetic Programming (Koza); Uy, Hoai, O'Neill, McKay and Galvan-Lopez 2011, Genetic Programming and
Evolvable Machines 12, 91 (Nguyen); Keijzer 2003, EuroGP (Keijzer); Korns 2011, Genetic Programming Theory and Practice
IX (Korns);
Vladislavleva, Smits and den Hertog 2009, IEEE Transactions on Evolutionary Computation 13, 333 (Vladislavleva); Krawiec
and Pawlak 2013 (R); Pagie and Hogeweg 1997 (Pagie); Jin, Fu, Kang, Guo and Guo 2019 (Jin); Petersen et al. 2021
(Constant); Mundhenk et al. 2021 (Livermore).  Logarithms and roots of Korns are taken of magnitudes, as is usual.
"""

FORMULAS = """
Koza-1 | x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Koza-2 | x1**5 - 2*x1**3 + x1 | x1 -1..1
Koza-3 | x1**6 - 2*x1**4 + x1**2 | x1 -1..1
Nguyen-1 | x1**3 + x1**2 + x1 | x1 -1..1
Nguyen-2 | x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Nguyen-3 | x1**5 + x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Nguyen-4 | x1**6 + x1**5 + x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Nguyen-5 | sin(x1**2)*cos(x1) - 1 | x1 -1..1
Nguyen-6 | sin(x1) + sin(x1 + x1**2) | x1 -1..1
Nguyen-7 | log(x1 + 1) + log(x1**2 + 1) | x1 0..2
Nguyen-8 | sqrt(x1) | x1 0..4
Nguyen-9 | sin(x1) + sin(x2**2) | x1 x2 0..1
Nguyen-10 | 2*sin(x1)*cos(x2) | x1 x2 0..1
Nguyen-11 | x1**x2 | x1 x2 0..1
Nguyen-12 | x1**4 - x1**3 + x2**2/2 - x2 | x1 x2 0..1
Constant-1 | 3.39*x1**3 + 2.12*x1**2 + 1.78*x1 | x1 -1..1
Constant-2 | sin(x1**2)*cos(x1) - 0.75 | x1 -1..1
Constant-3 | sin(1.5*x1)*cos(0.5*x2) | x1 x2 0..1
Constant-4 | 2.7*x1**x2 | x1 x2 0..1
Constant-5 | sqrt(1.23*x1) | x1 0..4
Constant-6 | x1**0.426 | x1 0..4
Constant-7 | 2*sin(1.3*x1)*cos(x2) | x1 x2 0..1
Constant-8 | log(x1 + 1.4) + log(x1**2 + 1.3) | x1 0..2
Keijzer-1 | 0.3*x1*sin(2*pi*x1) | x1 -1..1
Keijzer-2 | 0.3*x1*sin(2*pi*x1) | x1 -2..2
Keijzer-3 | 0.3*x1*sin(2*pi*x1) | x1 -3..3
Keijzer-4 | x1**3*exp(-x1)*cos(x1)*sin(x1)*(sin(x1)**2*cos(x1) - 1) | x1 0..10
Keijzer-5 | 30*x1*x3/((x1 - 10)*x2**2) | x1 -1..1; x2 1..2; x3 -1..1
Keijzer-6 | harmonic(x1) | x1 int 1..50
Keijzer-7 | log(x1) | x1 int 1..100
Keijzer-8 | sqrt(x1) | x1 int 0..100
Keijzer-9 | log(x1 + sqrt(x1**2 + 1)) | x1 int 0..100
Keijzer-10 | x1**x2 | x1 x2 0..1
Keijzer-11 | x1*x2 + sin((x1 - 1)*(x2 - 1)) | x1 x2 -3..3
Keijzer-12 | x1**4 - x1**3 + x2**2/2 - x2 | x1 x2 -3..3
Keijzer-13 | 6*sin(x1)*cos(x2) | x1 x2 -3..3
Keijzer-14 | 8/(2 + x1**2 + x2**2) | x1 x2 -3..3
Keijzer-15 | x1**3/5 + x2**3/2 - x2 - x1 | x1 x2 -3..3
Korns-1 | 1.57 + 24.3*x4 | x4 -50..50
Korns-2 | 0.23 + 14.2*((x4 + x2)/(3*x5)) | x2 x4 x5 -50..50
Korns-3 | 4.9*((x4 - x1 + x2/x5)/(3*x5)) - 5.41 | x1 x2 x4 x5 -50..50
Korns-4 | 0.13*sin(x3) - 2.3 | x3 -50..50
Korns-5 | 3 + 2.13*log(abs(x5)) | x5 -50..50
Korns-6 | 1.3 + 0.13*sqrt(abs(x1)) | x1 -50..50
Korns-7 | 213.80940889*(1 - exp(-0.54723748542*x1)) | x1 -50..50
Korns-8 | 6.87 + 11*sqrt(abs(7.23*x1*x4*x5)) | x1 x4 x5 -50..50
Korns-9 | sqrt(abs(x1))/log(abs(x2))*(exp(x3)/x4**2) | x1 x2 x3 x4 -50..50
Korns-10 | 0.81 + 24.3*((2*x2 + 3*x3**2)/(4*x4**3 + 5*x5**4)) | x2 x3 x4 x5 -50..50
Korns-11 | 6.87 + 11*cos(7.23*x1**3) | x1 -50..50
Korns-12 | 2 - 2.1*cos(9.8*x1)*sin(1.3*x5) | x1 x5 -50..50
Korns-13 | 32 - 3*(tan(x1)/tan(x2))*(tan(x3)/tan(x4)) | x1 x2 x3 x4 -50..50
Korns-14 | 22 - 4.2*(cos(x1) - tan(x2))*(tanh(x3)/sin(x4)) | x1 x2 x3 x4 -50..50
Korns-15 | 12 - 6*(tan(x1)/exp(x2))*(log(abs(x3)) - tan(x4)) | x1 x2 x3 x4 -50..50
Livermore-1 | sin(x1**2) + x1 + 1/3 | x1 -10..10
Livermore-2 | sin(x1**2)*cos(x1) - 2 | x1 -1..1
Livermore-3 | sin(x1**3)*cos(x1**2) - 1 | x1 -1..1
Livermore-4 | log(x1 + 1) + log(x1**2 + 1) + log(x1) | x1 0..2
Livermore-5 | x1**4 - x1**3 + x1**2 - x2 | x1 x2 0..1
Livermore-6 | 4*x1**4 + 3*x1**3 + 2*x1**2 + x1 | x1 -1..1
Livermore-7 | sinh(x1) | x1 -1..1
Livermore-8 | cosh(x1) | x1 -1..1
Livermore-9 | x1**9 + x1**8 + x1**7 + x1**6 + x1**5 + x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Livermore-10 | 6*sin(x1)*cos(x2) | x1 x2 0..1
Livermore-11 | x1**2*x2**2/(x1 + x2) | x1 x2 -1..1
Livermore-12 | x1**5/x2**3 | x1 x2 -1..1
Livermore-13 | x1**(1/3) | x1 0..4
Livermore-14 | x1**3 + x1**2 + x1 + sin(x1) + sin(x1**2) | x1 -1..1
Livermore-15 | x1**(1/5) | x1 0..4
Livermore-16 | x1**(2/5) | x1 0..4
Livermore-17 | 4*sin(x1)*cos(x2) | x1 x2 0..1
Livermore-18 | sin(x1**2)*cos(x1) - 5 | x1 -1..1
Livermore-19 | x1**5 + x1**4 + x1**2 + x1 | x1 -1..1
Livermore-20 | exp(-x1**2) | x1 -1..1
Livermore-21 | x1**8 + x1**7 + x1**6 + x1**5 + x1**4 + x1**3 + x1**2 + x1 | x1 -1..1
Livermore-22 | exp(-0.5*x1**2) | x1 -1..1
R-1 | (x1 + 1)**3/(x1**2 - x1 + 1) | x1 -1..1
R-2 | (x1**5 - 3*x1**3 + 1)/(x1**2 + 1) | x1 -1..1
R-3 | (x1**6 + x1**5)/(x1**4 + x1**3 + x1**2 + x1 + 1) | x1 -1..1
Jin-1 | 2.5*x1**4 - 1.3*x1**3 + 0.5*x2**2 - 1.7*x2 | x1 x2 -3..3
Jin-2 | 8*x1**2 + 8*x2**3 - 15 | x1 x2 -3..3
Jin-3 | 0.2*x1**3 + 0.5*x2**3 - 1.2*x2 - 0.5*x1 | x1 x2 -3..3
Jin-4 | 1.5*exp(x1) + 5*cos(x2) | x1 x2 -3..3
Jin-5 | 6*sin(x1)*cos(x2) | x1 x2 -3..3
Jin-6 | 1.35*x1*x2 + 5.5*sin((x1 - 1)*(x2 - 1)) | x1 x2 -3..3
Vladislavleva-1 | exp(-(x1 - 1)**2)/(1.2 + (x2 - 2.5)**2) | x1 x2 0.3..4
Vladislavleva-2 | exp(-x1)*x1**3*cos(x1)*sin(x1)*(cos(x1)*sin(x1)**2 - 1) | x1 0.05..10
Vladislavleva-3 | exp(-x1)*x1**3*cos(x1)*sin(x1)*(cos(x1)*sin(x1)**2 - 1)*(x2 - 5) | x1 0.05..10; x2 0.05..10.05
Vladislavleva-4 | 10/(5+(x1-3)**2+(x2-3)**2+(x3-3)**2+(x4-3)**2+(x5-3)**2) | x1 x2 x3 x4 x5 0.05..6.05
Vladislavleva-5 | 30*(x1 - 1)*((x3 - 1)/((x1 - 10)*x2**2)) | x1 0.05..2; x2 1..2; x3 0.05..2
Vladislavleva-6 | 6*sin(x1)*cos(x2) | x1 x2 0.1..5.9
Vladislavleva-7 | (x1 - 3)*(x2 - 3) + 2*sin((x1 - 4)*(x2 - 4)) | x1 x2 0.05..6.05
Vladislavleva-8 | ((x1 - 3)**4 + (x2 - 3)**3 - (x2 - 3))/((x2 - 2)**4 + 10) | x1 x2 0.05..6.05
Pagie-1 | 1/(1 + x1**(-4)) + 1/(1 + x2**(-4)) | x1 x2 -5..5
"""
