#include "vcam.h"
const struct face face_ffs;
