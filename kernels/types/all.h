// Block<T> of every computable type: code that expands dtype.inc includes this.
#pragma once

#include "kernels/types/bf16.h"
#include "kernels/types/f16.h"
#include "kernels/types/f32.h"
#include "kernels/types/iq4_nl.h"
#include "kernels/types/iq4_xs.h"
#include "kernels/types/q2_k.h"
#include "kernels/types/q3_k.h"
#include "kernels/types/q4_0.h"
#include "kernels/types/q4_1.h"
#include "kernels/types/q4_k.h"
#include "kernels/types/q5_0.h"
#include "kernels/types/q5_1.h"
#include "kernels/types/q5_k.h"
#include "kernels/types/q6_k.h"
#include "kernels/types/q8_0.h"
