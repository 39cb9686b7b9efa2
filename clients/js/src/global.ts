// The entry for a plain <script>: `Crier.connect(…)`.

import { CrierError, connect } from './index.js';

(globalThis as { Crier?: unknown }).Crier = { connect, CrierError };
