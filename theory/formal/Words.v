(* The weights of a certificate as they are stored: rows of float32 words in hexadecimal, eight digits a number. At scale 2^-149
   every float32 is an integer, so reading them loses nothing. *)
From ICL Require Export Rounding.
Require Import ZArith List.
Require Hexadecimal.
Import ListNotations.

Fixpoint digits (u : Hexadecimal.uint) : list Z := match u with
  | Hexadecimal.Nil => []
  | Hexadecimal.D0 v => 0%Z :: digits v | Hexadecimal.D1 v => 1%Z :: digits v | Hexadecimal.D2 v => 2%Z :: digits v | Hexadecimal.D3 v => 3%Z :: digits v
  | Hexadecimal.D4 v => 4%Z :: digits v | Hexadecimal.D5 v => 5%Z :: digits v | Hexadecimal.D6 v => 6%Z :: digits v | Hexadecimal.D7 v => 7%Z :: digits v
  | Hexadecimal.D8 v => 8%Z :: digits v | Hexadecimal.D9 v => 9%Z :: digits v | Hexadecimal.Da v => 10%Z :: digits v | Hexadecimal.Db v => 11%Z :: digits v
  | Hexadecimal.Dc v => 12%Z :: digits v | Hexadecimal.Dd v => 13%Z :: digits v | Hexadecimal.De v => 14%Z :: digits v | Hexadecimal.Df v => 15%Z :: digits v end.
(* numbers of n + 1 digits each *)
Fixpoint words n k acc (ds : list Z) : list Z := match ds with
  | [] => []
  | x :: r => match k with O => (16 * acc + x)%Z :: words n n 0%Z r | S k' => words n k' (16 * acc + x)%Z r end end.
Definition read n (u : Number.uint) : list Z := match u with Number.UIntHexadecimal h => words n n 0%Z (digits h) | Number.UIntDecimal _ => [] end.

(* IEEE 754 binary32: sign, eight bits of exponent e, 23 bits m of significand *)
Definition float32 w := let e := Z.land (Z.shiftr w 23) 255 in let m := Z.land w 8388607 in
  let z := (if e =? 0 then m else Z.shiftl (8388608 + m) (e - 1))%Z in if Z.testbit w 31 then (- z)%Z else z.
Definition floats u := map float32 (read 7 u).
Definition signed n u := let l := map (fun w => w - 524288)%Z (read 4 u) in l ++ repeat 0%Z (n - length l).      (* small integers, five digits; zeros to length n *)

(* normal numbers are +-(1 + m / 2^23) 2^(e - 127) *)
Theorem float32_value neg e m : (0 < e < 255)%Z -> (0 <= m < 2 ^ 23)%Z ->
  let w := ((if neg : bool then 2 ^ 31 else 0) + e * 2 ^ 23 + m)%Z in
  dy 149 (float32 w) * 2 ^ 127 = (if neg then -1 else 1) * (1 + IZR m / 2 ^ 23) * IZR (2 ^ e).
Proof.
  intros He Hm w. set (s := (if neg then 1 else 0)%Z).
  assert (Ew : w = ((s * 256 + e) * 2 ^ 23 + m)%Z) by (unfold w, s; destruct neg; change (2 ^ 31)%Z with (256 * 2 ^ 23)%Z; ring).
  assert (Hi : Z.shiftr w 23 = (s * 256 + e)%Z).
  { rewrite Z.shiftr_div_pow2, Ew by lia. rewrite Z.div_add_l by lia. rewrite (Z.div_small m) by lia. ring. }
  assert (E1 : Z.land (Z.shiftr w 23) 255 = e).
  { rewrite Hi. change 255%Z with (Z.ones 8). rewrite Z.land_ones by lia. change (2 ^ 8)%Z with 256%Z. rewrite Z.add_comm, Z.mod_add by lia. apply Z.mod_small. lia. }
  assert (E2 : Z.land w 8388607 = m).
  { change 8388607%Z with (Z.ones 23). rewrite Z.land_ones, Ew, Z.add_comm, Z.mod_add by lia. apply Z.mod_small. lia. }
  assert (E3 : Z.testbit w 31 = neg).
  { rewrite Z.testbit_odd. replace (Z.shiftr w 31) with s; [unfold s; destruct neg; reflexivity|].
    change 31%Z with (23 + 8)%Z. rewrite <- Z.shiftr_shiftr, Hi, Z.shiftr_div_pow2 by lia. change (2 ^ 8)%Z with 256%Z.
    rewrite Z.div_add_l by lia. rewrite Z.div_small by lia. ring. }
  unfold float32. rewrite E1, E2, E3. destruct (Z.eqb_spec e 0) as [Z|_]; [lia|]. rewrite Z.shiftl_mul_pow2 by lia.
  assert (V : dy 149 ((8388608 + m) * 2 ^ (e - 1)) * 2 ^ 127 = (1 + IZR m / 2 ^ 23) * IZR (2 ^ e)).
  { unfold dy. replace (2 ^ e)%Z with (2 * 2 ^ (e - 1))%Z by (rewrite <- Z.pow_succ_r by lia; f_equal; lia). rewrite !mult_IZR, plus_IZR.
    change (IZR (2 ^ 149)) with (IZR (2 ^ 22 * 2 ^ 127)). rewrite mult_IZR. rewrite !pow_IZR. change (IZR 8388608) with (IZR (2 ^ 23)).
    change (Z.of_nat 127) with 127%Z. change (Z.of_nat 23) with 23%Z. set (b := IZR (2 ^ 127)).
    assert (0 < b) by (apply two_pos; lia). change (IZR (2 ^ 23)) with 8388608. change (IZR (2 ^ 22)) with 4194304. field. lra. }
  destruct neg; [|rewrite V; ring]. set (z := ((8388608 + m) * 2 ^ (e - 1))%Z) in *.
  replace (dy 149 (- z)) with (- dy 149 z) by (unfold dy; rewrite opp_IZR; unfold Rdiv; ring). rewrite <- Ropp_mult_distr_l, V. ring.
Qed.
